"""GraphQL at ``/graphql/``, by strawberry-django, with the same content as the REST interface."""
