"""Clients of the charging service, and where its sessions and call records are kept."""
