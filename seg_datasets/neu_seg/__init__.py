"""The dataset `neu_seg`: defects of hot-rolled steel strip."""
