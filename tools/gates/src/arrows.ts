import path from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';

/** A reference from one file to a module, in any of the forms that TypeScript has. */
interface Reference {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** Where a file lives: `packages/cache/src/...` is `{ kind: 'packages', name: 'cache', part: 'src' }`. */
interface Room {
  readonly kind: string;
  readonly name: string;
  readonly part: string;
}

/** The workspaces, by their npm name: what an import of `@shopgpt/...` can mean. */
export type Workspaces = ReadonlyMap<string, { readonly kind: string; readonly name: string }>;

/**
 * Lists what a file imports against the house's arrows, a sentence each.
 *
 * - services -> packages; a house service also starts embedded parts of `tools`
 * - telemetry -> types of the other packages; every other package -> nothing of ours
 * - tools -> tools, and types of packages
 * - nothing -> services
 * - tests, benchmarks and examples of any workspace -> tools as well
 * - nobody reaches into another workspace by a relative path
 *
 * @param file path from the root of the repository, with forward slashes
 */
export function forbiddenArrows(file: string, source: string, workspaces: Workspaces): string[] {
  const from = roomOf(file);
  return references(file, source).flatMap((reference) => {
    const why = objection(file, from, reference, workspaces);
    return why ? [`${file}: "${reference.specifier}": ${why}`] : [];
  });
}

function objection(
  file: string,
  from: Room,
  { specifier, typeOnly }: Reference,
  workspaces: Workspaces,
): string | undefined {
  if (specifier.startsWith('.')) {
    const target = roomOf(path.posix.join(path.posix.dirname(file), specifier));
    return sameWorkspace(from, target)
      ? undefined
      : 'a path into another workspace; import it by its name';
  }
  if (!specifier.startsWith('@shopgpt/')) return undefined;
  const target = workspaces.get(specifier.split('/').slice(0, 2).join('/'));
  if (!target) return 'no such workspace';
  if (sameWorkspace(from, target)) return undefined;
  return allowed(from, target, typeOnly) ? undefined : `${from.kind} may not import this`;
}

function allowed(from: Room, target: { kind: string; name: string }, typeOnly: boolean): boolean {
  if (target.kind === 'reference-services') return false;
  if (target.kind === 'tools')
    return from.part !== 'src' || from.kind === 'tools' || from.name === 'house';
  if (from.kind === 'reference-services') return true;
  return typeOnly && (from.kind === 'tools' || from.name === 'telemetry');
}

function sameWorkspace(
  a: { kind: string; name: string },
  b: { kind: string; name: string },
): boolean {
  return a.kind === b.kind && a.name === b.name;
}

function roomOf(file: string): Room {
  const [kind = '', name = '', folder = ''] = file.split('/');
  const isTest = folder !== 'src' || file.endsWith('.test.ts');
  return { kind, name, part: isTest ? 'test' : 'src' };
}

function references(file: string, source: string): Reference[] {
  const { program, errors } = parseSync(file, source);
  if (errors[0]) throw new SyntaxError(`${file}: ${errors[0].message}`);
  const found: Reference[] = [];
  const add = (node: unknown, typeOnly: boolean) => {
    const specifier = literalText(node);
    if (specifier !== undefined) found.push({ specifier, typeOnly });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source, node.importKind === 'type'),
    ExportNamedDeclaration: (node) => add(node.source, node.exportKind === 'type'),
    ExportAllDeclaration: (node) => add(node.source, node.exportKind === 'type'),
    ImportExpression: (node) => add(node.source, false),
    TSImportType: (node) => add(node.source, true),
    TSExternalModuleReference: (node) => add(node.expression, false),
    CallExpression: (node) => {
      if (isRequire(node.callee)) add(node.arguments[0], false);
    },
  }).visit(program);
  return found;
}

/** `require(...)`, `require.resolve(...)`, `import.meta.resolve(...)` and `vi.mock(...)` name a module too. */
function isRequire(callee: { type: string }): boolean {
  const text = calleeText(callee);
  return ['require', 'require.resolve', 'import.meta.resolve', 'vi.mock'].includes(text);
}

function calleeText(node: unknown): string {
  const { type, name, object, property, meta } = node as Record<string, unknown>;
  if (type === 'Identifier') return String(name);
  if (type === 'MetaProperty') return `${calleeText(meta)}.${calleeText(property)}`;
  if (type === 'MemberExpression') return `${calleeText(object)}.${calleeText(property)}`;
  return '';
}

function literalText(node: unknown): string | undefined {
  const { type, value, quasis } = (node ?? {}) as Record<string, unknown>;
  if (type === 'Literal' && typeof value === 'string') return value;
  if (type !== 'TemplateLiteral') return undefined;
  // A computed import is judged by its constant beginning.
  return (quasis as { value: { cooked: string } }[])[0]?.value.cooked;
}
