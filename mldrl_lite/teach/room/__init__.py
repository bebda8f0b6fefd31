"""A room without a network: what goes onto the stick, and the check of a laptop."""
