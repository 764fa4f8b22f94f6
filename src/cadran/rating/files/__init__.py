"""Files of call records: read in chunks, rated by any engine, written whole or not at all."""
