"""The dataset `massachusetts_buildings`: buildings around Boston from the air."""
