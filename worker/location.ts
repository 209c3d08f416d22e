/** What Cloudflare says of where a request comes from; on one machine, nothing. */
export type Whereabouts = {
  continent?: string;
  country?: string;
  /** Degrees, as text. */
  longitude?: string;
};

/** The regions that Cloudflare takes as a `locationHint`, as far as an origin's continent tells. */
export type LocationHint = "wnam" | "enam" | "sam" | "weur" | "eeur" | "apac" | "oc" | "afr" | "me";

/** The line between the west and the east of North America, about Denver to Winnipeg; in degrees. */
const NORTH_AMERICA_SPLIT = -100;
/** The line between the west and the east of Europe, about Berlin to Rome; in degrees. */
const EUROPE_SPLIT = 15;

/** Countries of Asia that are nearer to the data centers of the Middle East (ISO 3166-1). */
const MIDDLE_EAST: ReadonlySet<string> = new Set(
  "AE BH CY GE IL IQ IR JO KW LB OM PS QA SA SY TR YE".split(" "),
);

/**
 * The region near a request's origin in which Cloudflare can place an object.
 * @returns undefined where that is not known: the object is then placed near who asks for it first
 */
export function locationHint(from: Whereabouts): LocationHint | undefined {
  const longitude = Number.parseFloat(from.longitude ?? "");
  switch (from.continent) {
    case "NA":
      return longitude < NORTH_AMERICA_SPLIT ? "wnam" : "enam";
    case "SA":
      return "sam";
    case "EU":
      return longitude > EUROPE_SPLIT ? "eeur" : "weur";
    case "AS":
      return MIDDLE_EAST.has(from.country ?? "") ? "me" : "apac";
    case "OC":
      return "oc";
    case "AF":
      return "afr";
    default:
      return undefined;
  }
}
