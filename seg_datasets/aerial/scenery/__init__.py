"""The country that the sample shows.

`plan` lays out a scene in the `look` of its city, `blocks` fills it with what a `town` can build;
`roofs` and `canvas` paint it, in the whole numbers of `shapes`.
"""
