"""The API: everything that the portal and the back office do, for programs."""
