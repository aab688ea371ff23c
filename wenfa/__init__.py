"""The command line, the process manager and the migrations: what the installer touches. Stands on all the other packages."""
