"""How lawyers are reached besides the desk: signed webhooks, WeChat template messages; and what keeps a failing one apart."""
