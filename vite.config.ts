import { defineConfig } from "vite";

export default defineConfig({
  root: "web",
  // Our own `_headers` forbid inline code and styles: everything is a file with a hash in its name.
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // noVNC awaits at the top level of a module.
    target: "es2022",
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
