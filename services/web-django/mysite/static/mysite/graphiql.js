// Starts GraphiQL on the page that graphql/graphiql.html makes. The CSRF token goes with the login's cookie.
"use strict";

const place = document.getElementById("graphiql");
const fetcher = GraphiQL.createFetcher({
  url: place.dataset.url,
  headers: { "X-CSRFToken": place.dataset.csrfToken },
});
ReactDOM.createRoot(place).render(React.createElement(GraphiQL, { fetcher }));
