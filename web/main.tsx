import { render } from "preact";
import { pageAt } from "../protocol/pages.ts";
import { Home } from "./pages/home.tsx";
import {
  AccessLoader,
  BatchLoader,
  InboxLoader,
  ServerLoader,
  SupportLoader,
} from "./pages/lazy.tsx";
import { NotFound } from "./pages/not-found.tsx";
import { Share } from "./pages/share.tsx";
import { SignIn } from "./pages/sign-in.tsx";
import { ViewerLoader } from "./pages/viewer-loader.tsx";
import { usePath } from "./router.tsx";
import "./style.css";

function App() {
  const at = pageAt(usePath());
  switch (at?.page) {
    case "home":
      return <Home />;
    case "sign-in":
      return <SignIn />;
    case "share":
      return <Share />;
    case "access":
      return <AccessLoader />;
    case "support":
      return <SupportLoader />;
    case "inbox":
      return <InboxLoader roomId={at.id} />;
    case "view":
      return <ViewerLoader key={at.id} sessionId={at.id} />;
    case "batch":
      return <BatchLoader key={at.id} batchId={at.id} />;
    case "server":
      return <ServerLoader key={at.id} serverId={at.id} />;
    case undefined:
      return <NotFound />;
  }
}

const root = document.getElementById("app");
if (!root) throw new Error("index.html has no #app");
render(<App />, root);
