"""``./stack upgrade``: merges a release of Landfast into a clone that has applications of its own.

The merge compares three trees before any file changes: the installed release, this checkout, the new release.
Git's own merge would stop at conflicts in rooms that the user removed, and would follow renames out of them.
"""
