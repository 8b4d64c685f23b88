/** `main.ts`, bundled, as text: the build puts it there. */
declare module "worker-source" {
  const source: string;
  export default source;
}
