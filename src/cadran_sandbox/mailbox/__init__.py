"""A mailbox for sandboxes: takes every mail over SMTP, keeps it on disk, and shows it in the browser. No mail ever leaves it."""
