"""The REST interface at ``/rest/``, by Django REST framework."""
