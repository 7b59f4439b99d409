// A platform's program in TypeScript, against the types that the description gives. It is compiled, not run.
import createClient from "openapi-fetch";
import type { components, paths } from "./made/platform.js";

const platform = createClient<paths>({ baseUrl: "http://localhost:8444" });

export async function askForAdult(platformToken: string): Promise<components["schemas"]["RequestMade"]> {
  const { data, error } = await platform.POST("/v1/requests", {
    headers: { Authorization: `Bearer ${platformToken}` },
    body: { predicates: { valid: true, age: { at_least: 18 } }, link: "account" },
  });
  if (error) throw new Error(`${error.code}: ${error.detail}`);
  return data;
}

export async function outcome(id: string, resultToken: string): Promise<string | undefined> {
  for (;;) {
    const { data, error } = await platform.GET("/v1/requests/{id}/result", {
      params: { path: { id }, query: { wait: 30 } },
      headers: { Authorization: `Bearer ${resultToken}` },
    });
    if (error) throw new Error(`${error.code}: ${error.detail}`);
    if (data.state !== "pending") return data.state === "accepted" ? data.pseudonym : undefined;
  }
}
