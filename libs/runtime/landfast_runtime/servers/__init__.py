"""Any WSGI server for an application, chosen by one variable. docs/how-to/wsgi-servers.md compares them."""
