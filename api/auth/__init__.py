"""Log-in of staff: a session on the server, a cookie in the browser, a CSRF token against other sites."""
