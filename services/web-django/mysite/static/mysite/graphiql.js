// Starts GraphiQL on the page that graphql/graphiql.html makes. The CSRF token goes with the login's cookie.
// The package that brings GraphiQL 2 brings React 17, which has no createRoot() yet.
"use strict";

const place = document.getElementById("graphiql");
const fetcher = GraphiQL.createFetcher({
  url: place.dataset.url,
  headers: { "X-CSRFToken": place.dataset.csrfToken },
});
ReactDOM.render(React.createElement(GraphiQL, { fetcher }), place);
