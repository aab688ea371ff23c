// The interface's documentation, drawn from /openapi.json by Swagger UI, which comes with the service: no other host is asked.

window.SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null });
