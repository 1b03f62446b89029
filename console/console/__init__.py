"""The house's own pages: operators' login, readiness and durable tasks."""
