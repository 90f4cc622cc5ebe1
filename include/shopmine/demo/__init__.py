"""The ready-made shops: the generator, and loading real data into the demo databases."""
