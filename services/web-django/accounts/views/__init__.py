"""The accounts pages, by what people come for."""
