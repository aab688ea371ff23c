"""学法律: search and read the law itself. Public, without a log-in."""
