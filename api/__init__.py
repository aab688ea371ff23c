"""HTTP: one folder per domain, each with thin endpoints over a service. What citizens, lawyers and gateways talk to."""
