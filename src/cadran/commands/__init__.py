"""The command line and the daemons. They translate, and decide nothing."""
