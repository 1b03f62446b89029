"""What the stack costs: times, disk, memory."""
