"""The dataset `seg_folder`: any raw folder, stated in JSON or TOML."""
