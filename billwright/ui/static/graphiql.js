// The GraphQL explorer: GraphiQL on this page's session and organization. What it sends carries the page's CSRF token.
(() => {
  "use strict";
  const box = document.getElementById("graphiql");
  const fetcher = GraphiQL.createFetcher({
    url: "/graphql",
    headers: { "X-CSRF-Token": box.dataset.token, "x-lago-organization": box.dataset.organization },
  });
  ReactDOM.createRoot(box).render(
    React.createElement(GraphiQL, {
      fetcher,
      defaultQuery: box.dataset.sample,
      isHeadersEditorEnabled: false,
      forcedTheme: document.documentElement.dataset.theme || undefined,
    }),
  );
})();
