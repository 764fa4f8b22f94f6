"""Calls of the past charged again by a corrected deck: previewed, proposed, approved by a second person, carried out in slices."""
