// Shows the OpenAPI document that the page names. Keys stay in this tab.
"use strict";

const place = document.getElementById("swagger-ui");
window.ui = SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  deepLinking: true,
  validatorUrl: null,
});
