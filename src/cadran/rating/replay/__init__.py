"""Call records that another system has charged, charged again, and why the amounts differ."""
