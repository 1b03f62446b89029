"""A page that uploads a file, asks for a report and shows how it comes about: a client of the API like any other."""
