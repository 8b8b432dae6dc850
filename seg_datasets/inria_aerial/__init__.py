"""The dataset `inria_aerial`: buildings of five cities from the air."""
