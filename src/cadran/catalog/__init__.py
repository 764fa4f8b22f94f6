"""What is sold and for how much: rate decks, dated and activated whole."""
