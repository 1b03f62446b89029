"""A page that uploads a file, requests a report and shows its progress; it uses the public API."""
