"""The dataset `oxford_pets_seg`: cats and dogs, out of TFDS's `oxford_iiit_pet`."""
