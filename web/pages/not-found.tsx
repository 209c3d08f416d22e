import { Logo } from "../icons.tsx";
import { Link, usePage } from "../router.tsx";

export function NotFound() {
  usePage("Nothing here", "not-found");
  return (
    <main class="notice">
      <Logo />
      <h1>Nothing here but water</h1>
      <p>No page of Porthole has this address.</p>
      <div class="actions">
        <Link to="/" class="button primary">
          Go to the overview
        </Link>
      </div>
    </main>
  );
}
