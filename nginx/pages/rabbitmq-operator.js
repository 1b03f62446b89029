// RabbitMQ's pages find a login and do not ask for one. Nginx replaces it: nginx/snippets/rabbitmq-login.conf.
set_basic_auth("operator", "of-the-console");
