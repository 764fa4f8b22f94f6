"""Partners of a sandbox: separate programs behind the protocols of the real ones. They know nothing of Cadran."""
