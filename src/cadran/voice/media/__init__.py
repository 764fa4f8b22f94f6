"""Media of calls: session descriptions, the relay process and its client, spoken prompts. See README.md."""
