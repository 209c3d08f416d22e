import { render } from "preact";
import { ID_PATTERN } from "../protocol/ids.ts";
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
  const path = usePath();
  if (path === "/") return <Home />;
  if (path === "/sign-in") return <SignIn />;
  if (path === "/share") return <Share />;
  if (path === "/access") return <AccessLoader />;
  if (path === "/support") return <SupportLoader />;
  const inbox = /^\/inbox(?:\/([^/]+))?\/?$/.exec(path);
  if (inbox && (inbox[1] === undefined || ID_PATTERN.test(inbox[1]))) {
    return <InboxLoader roomId={inbox[1] ?? null} />;
  }
  const [, thing, id] = /^\/(view|batch|server)\/([^/]+)\/?$/.exec(path) ?? [];
  if (id !== undefined && ID_PATTERN.test(id)) {
    if (thing === "view") return <ViewerLoader key={id} sessionId={id} />;
    if (thing === "batch") return <BatchLoader key={id} batchId={id} />;
    return <ServerLoader key={id} serverId={id} />;
  }
  return <NotFound />;
}

const root = document.getElementById("app");
if (!root) throw new Error("index.html has no #app");
render(<App />, root);
