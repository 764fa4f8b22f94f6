"""Keys of the API: who may call it, in whose name, for what, and until when."""
