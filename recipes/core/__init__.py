"""What the recipes are made of: planning, input, model, losses, metrics, the run folder."""
