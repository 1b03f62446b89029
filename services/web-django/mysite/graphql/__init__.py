"""GraphQL at ``/graphql/``, by strawberry-django: the same content as the REST interface."""
