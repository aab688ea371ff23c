"""What all the other packages stand on: settings, database, Redis, clock, ids, security, regions, log. Imports none of them."""
