/** The codes of what users can do wrong with users. */
export type UserErrorCode =
  | 'ERR_USER_NOT_FOUND'
  | 'ERR_USER_EMAIL_TAKEN'
  | 'ERR_USER_VERSION_MISMATCH';

/** Nobody has this id. */
export class UserNotFoundError extends Error {
  override readonly name = 'UserNotFoundError';
  readonly code = 'ERR_USER_NOT_FOUND' satisfies UserErrorCode;
  readonly id: string;

  constructor(id: string) {
    super(`there is no user with the id ${id}`);
    this.id = id;
  }
}

/** Somebody has this e-mail address already. */
export class EmailTakenError extends Error {
  override readonly name = 'EmailTakenError';
  readonly code = 'ERR_USER_EMAIL_TAKEN' satisfies UserErrorCode;
  readonly email: string;
  /** Whose address it is, unless they changed it meanwhile. */
  readonly ownerId: string | undefined;

  constructor(email: string, ownerId: string | undefined) {
    super(`the e-mail address ${email} belongs to another user`);
    this.email = email;
    this.ownerId = ownerId;
  }
}

/** The user was changed since the caller read it. */
export class VersionMismatchError extends Error {
  override readonly name = 'VersionMismatchError';
  readonly code = 'ERR_USER_VERSION_MISMATCH' satisfies UserErrorCode;
  readonly id: string;
  readonly version: number;

  constructor(id: string, version: number) {
    super(`the user ${id} was changed meanwhile: its version is ${version}`);
    this.id = id;
    this.version = version;
  }
}
