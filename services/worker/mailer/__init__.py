"""Where mail goes out. What a mail says belongs to the applications, and Django sends it."""
